permission_set "a" {
  name             = "read only" #~ invalid-name
  session_duration = "PT13H"     #~ invalid-session-duration
  colour           = "red"       #~ unknown-attribute
}

group "g" {
  members = [user.nobody] #~ unknown-name
}
