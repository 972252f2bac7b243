permission_set "a" {
  session_duration = "8 h" #~ invalid-session-duration
}
