/** The one way from a plugin and a config to a running policy; it stands in the SDK because `testPlugin` uses it too. */
export { ConfigErrors, type ConfigProblem } from "../sdk/config.ts";
export {
  type CompileCel,
  type Instantiated,
  type InstantiatedDetector,
  instantiate,
  instantiateDetector,
} from "../sdk/instantiate.ts";
