account "sandbox" { #~ name-needed
  for_each = { a = "111122223333", b = "222233334444" }
  id       = each.value
}
