assignment "a" { #~ missing-attribute
  principals = [group.g]
  accounts   = [account.a]
}

group "g" {}
account "a" { id = "111122223333" }
