organizational_unit "root" {} #~ bad-label
