permission_set "p" {}
account "a" { id = "111122223333" }

group "platform" {}

assignment "a" {
  principals      = [group.platfrom] #~ unknown-name
  permission_sets = [permission_set.p]
  accounts        = [account.a]
}
