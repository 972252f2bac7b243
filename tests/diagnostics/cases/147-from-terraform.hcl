permission_set "v" {
  lifecycle { #~ unknown-block
    prevent_destroy = true
  }

  policy { #~ invalid-policy
    dynamic "statement" { #~ unknown-block
      for_each = []
    }
  }
}
