permission_set "a" {
  tags { #~ unknown-block
    x = 1
  }
}
