locals {
  ours = []
}

rolecall {
  unmanaged = "remove"

  scope {
    permission_sets = local.ours #~ bad-setting
  }

  protect "everything" {} #~ bad-setting
}
