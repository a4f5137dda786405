import { policyTests } from "../src/policy-tests.ts";

policyTests(import.meta.dir);
