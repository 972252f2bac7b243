permission_set "p" {}
account "a" { id = "111122223333" }
group "g" {}

assignment "a" {
  principals      = [group.g]
  permission_sets = [permission_set.p.arn] #~ wrong-entity
  accounts        = [account.a]
}
