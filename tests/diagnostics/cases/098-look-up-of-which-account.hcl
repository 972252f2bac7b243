data "account" "a" {} #~ account-without-id
