rolecall {
  policy {
    rego = "policies/" #~ unreadable-policy
  }
}
