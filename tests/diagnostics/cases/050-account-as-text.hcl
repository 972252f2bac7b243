permission_set "p" {}
group "g" {}

assignment "a" {
  principals      = [group.g]
  permission_sets = [permission_set.p]
  accounts        = ["111122223333"] #~ wrong-entity
}
