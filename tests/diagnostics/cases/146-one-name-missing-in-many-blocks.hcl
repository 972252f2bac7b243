permission_set "v" {}

account "p" {
  id = "111122223333"
}

assignment "a1" {
  principals      = [data.group.nope] #~ unknown-name
  permission_sets = [permission_set.v]
  accounts        = [account.p]
}

assignment "a2" {
  principals      = [data.group.nope] #~ unknown-name
  permission_sets = [permission_set.v]
  accounts        = [account.p]
}

assignment "a3" {
  principals      = [data.group.nope] #~ unknown-name
  permission_sets = [permission_set.v]
  accounts        = [account.p]
}

assignment "a4" {
  principals      = [data.group.nope] #~ unknown-name
  permission_sets = [permission_set.v]
  accounts        = [account.p]
}

assignment "a5" {
  principals      = [data.group.nope] #~ unknown-name
  permission_sets = [permission_set.v]
  accounts        = [account.p]
}

assignment "a6" {
  principals      = [data.group.nope] #~ unknown-name
  permission_sets = [permission_set.v]
  accounts        = [account.p]
}

