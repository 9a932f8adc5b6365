import { clockScenarios } from './clocks.ts';
import { credentialScenarios } from './credentials.ts';
import { killScenarios } from './kills.ts';
import { linkScenarios, probeScenarios } from './links.ts';
import type { Scenario } from './scenario.ts';
import { storeScenarios } from './stores.ts';

/** Every scenario, those of one stage after each other. @param random in [0, 1), decides the moments and numbers */
export function allScenarios(random: () => number): readonly Scenario[] {
  return [
    ...linkScenarios(random),
    ...probeScenarios(),
    ...storeScenarios(),
    ...credentialScenarios(),
    ...clockScenarios(),
    ...killScenarios(),
  ];
}
