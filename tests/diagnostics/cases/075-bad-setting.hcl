rolecall {
  unmanaged    = "remov" #~ bad-setting
  max_removals = -1      #~ bad-setting
}
