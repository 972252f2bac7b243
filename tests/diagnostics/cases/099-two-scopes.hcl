rolecall {
  scope {
    permission_sets = ["a*"]
  }

  scope { #~ repeated-block
    permission_sets = ["b*"]
  }
}
