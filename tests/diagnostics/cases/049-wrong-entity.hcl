permission_set "admin" {}
account "a" { id = "111122223333" }

assignment "a" {
  principals      = [permission_set.admin] #~ wrong-entity
  permission_sets = [permission_set.admin]
  accounts        = [account.a]
}
