permission_set "a" {
  session_duration = "8h" #~ invalid-session-duration
}
