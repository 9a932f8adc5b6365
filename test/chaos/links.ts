import { answers, type Fault, inWords } from './link.ts';
import { type Cast, type End, type Play, unharmed } from './play.ts';
import { isAt, moments, plays, type Scenario } from './scenario.ts';
import type { LinkName } from './stage.ts';

/** In sandbox time; shorter than any patience of the canary, and longer than every time-out. */
const lastsMs = 30_000;

const between: Readonly<Record<LinkName, string>> = {
  redis: 'Redis',
  ack: 'the API server of the cluster',
  asm: 'the API server of the mesh',
  clb: 'the CLB OpenAPI',
  functions: "the functions' own invocation API",
  chat: 'chat',
  probes: 'the probed pods',
};
const speakHttp: readonly LinkName[] = ['ack', 'asm', 'clb', 'functions', 'chat'];
const kubernetes: readonly LinkName[] = ['ack', 'asm'];

/** Everything that can go wrong between the functions and each other part, for half a minute. @param random in [0, 1) */
export function linkScenarios(random: () => number): readonly Scenario[] {
  const links: readonly LinkName[] = ['redis', ...speakHttp];
  return links.flatMap((link) => {
    // Where a list runs out, only Kubernetes answers 410.
    const wrong = speakHttp.includes(link) ? answers.filter((one) => kubernetes.includes(link) || !isGone(one)) : [];
    const first = Math.floor(random() * moments.length);
    return [...wireFaults(random), ...wrong].map((fault, index) => {
      const moment = moments[(first + index) % moments.length] as (typeof moments)[number];
      const name = `${link} ${fault.kind === 'answer' ? fault.what : fault.kind} while ${moment.replace('progressing.', '')}`;
      const holds = `${inWords(fault)} between the functions and ${between[link]}: the canary ends as if nothing had been`;
      return plays(name, holds, { when: isAt(moment), ...onLink(link, fault), lasts: lastsMs, end: unharmed });
    });
  });
}

/** Probes of both sides, and of the target alone, that get no answer while the target has traffic. */
export function probeScenarios(): readonly Scenario[] {
  const faults: readonly Fault[] = [{ kind: 'reset' }, { kind: 'blackHole' }, { kind: 'cut', afterBytes: 20 }];
  const spec = { steps: [{ share: 60, bake: '2m' }] };
  return faults.map((fault) =>
    plays(
      `probes of the target ${fault.kind} while baking`,
      `${inWords(fault)} between the functions and the target's pods: the baseline is back, because of the probe`,
      { spec, when: isAt('progressing.baking'), ...onTargetProbes(fault), lasts: isOnItsWayBack, end: probeFailed },
    ),
  );
}

const probeFailed: End = {
  state: 'rolledBack',
  reason: /probe/,
  history: ['started', 'step.verified', 'rollback.started', 'rolledback'],
  told: /is rolled back.*probe/,
};

const isOnItsWayBack = async (cast: Cast): Promise<boolean> => {
  const view = await cast.view();
  return view !== null && (view.isFinal || view.state === 'rollingBack');
};

function onLink(link: LinkName, fault: Fault): Pick<Play, 'strike' | 'mend'> {
  return {
    strike: ({ stage }) => stage.links[link].set(fault),
    mend: ({ stage }) => stage.links[link].set({ kind: 'pass' }),
  };
}

function onTargetProbes(fault: Fault): Pick<Play, 'strike' | 'mend'> {
  const { strike, mend } = onLink('probes', fault);
  return {
    strike: (cast) => {
      cast.stage.spareSourceProbes();
      return strike(cast);
    },
    mend,
  };
}

function wireFaults(random: () => number): readonly Fault[] {
  return [
    { kind: 'reset' },
    { kind: 'blackHole' },
    { kind: 'delay', ms: 50 + Math.floor(random() * 200) },
    { kind: 'cut', afterBytes: 1 + Math.floor(random() * 400) },
  ];
}

function isGone(fault: Fault): boolean {
  return fault.kind === 'answer' && fault.what === '410';
}
