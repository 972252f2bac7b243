permission_set "p" {}
account "a" { id = "111122223333" }

data "group" "auditors" {}

assignment "a" {
  principals      = [group.auditors] #~ unknown-name
  permission_sets = [permission_set.p]
  accounts        = [account.a]
}
