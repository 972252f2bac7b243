account "a" {
  id    = "111122223333"
  email = "aws@example.com"
}

account "b" {
  id    = "111122224444"
  email = "AWS@example.com" #~ duplicate-email
}
