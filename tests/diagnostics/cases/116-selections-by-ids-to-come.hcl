group "g" {}

permission_set "p" {}

account "a" {
  id = "111122223333"
}

assignment "x" {
  principals      = group.g.id == "x" ? [group.g] : [] #~ unknown-value
  permission_sets = [permission_set.p]
  accounts        = [for a in [account.a] : a if group.g.id == "x"] #~ unknown-value
}

permission_set "many" {
  count = length(group.g.id) #~ unknown-value
  name  = "many-${count.index}"
}
