raise SystemExit("a program is not imported to write stubs")
