"""`python -m benchmarks.zoo.trained`."""

from benchmarks.zoo.trained.rows import main

raise SystemExit(main())
