group { #~ wrong-labels
  display_name = "x"
}
