user "u" {
  count        = 1e9 #~ bad-count
  user_name    = "u${count.index}"
  given_name   = "U"
  family_name  = "U"
  display_name = "U"
  email        = "u@example.com"
}
