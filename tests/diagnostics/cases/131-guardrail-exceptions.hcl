permission_set "admin" {}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

guardrail "nobody administers" {
  except = [user.ada] #~ unknown-attribute

  deny {
    permission_sets = [permission_set.admin]
  }
  except { #~ missing-attribute
    principals = [user.ada]
  }
  except { #~ bad-guardrail
    reason = "everybody"
  }
  except {
    principals = [user.ada]
    reason     = " " #~ bad-guardrail
  }
  except {
    principals = [user.ada]
    reason     = "on call"
    expires    = "tomorrow" #~ bad-time
  }
}

guardrail "only exceptions" { #~ bad-guardrail
  except {
    principals = [user.ada]
    reason     = "on call"
  }
}
