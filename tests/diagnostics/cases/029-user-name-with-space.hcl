user "a" {
  user_name   = "Ada Lovelace" #~ invalid-name
  given_name  = "Ada"
  family_name = "Lovelace"
}
