group "g" {
  members = [
    "a b",        #~ wrong-entity
    user.missing, #~ unknown-name
  ]
}

guardrail "numbers" {
  limit {
    principals   = [group.nobody] #~ unknown-name
    max_people   = "many"         #~ wrong-type
    max_accounts = 1.5            #~ bad-guardrail
    max_session  = "3 hours"      #~ invalid-session-duration
  }

  limit {
    max_people = -1 #~ bad-guardrail
  }

  require {
    expires_within = "soon"       #~ bad-guardrail
    reason         = "yes please" #~ wrong-type
  }

  except {
    principals = [group.nobody] #~ unknown-name
    reason     = ["none"]       #~ wrong-type
    expires    = "some day"     #~ bad-time
  }
}

permission_set "p" {
  policy {
    statement {
      actions   = ["s3:GetObject"]
      resources = ["arn:aws:s3:::a/*"]

      condition {
        test     = ["StringLike"] #~ wrong-type
        variable = "s3:prefix"
        values   = "a" #~ wrong-type
      }

      condition {
        test     = "StringLike"
        variable = "s3:prefix"
        values   = null #~ missing-attribute
      }
    }
  }
}
