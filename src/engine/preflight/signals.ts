import { alertWords, firingOf } from '../../domain/alert.ts';
import { controlTrafficAdvice } from '../../domain/control-traffic.ts';
import { paired, pushed, sourcesOf } from '../../domain/sources.ts';
import type { Spec } from '../../domain/spec.ts';
import type { Ports } from '../../ports/ports.ts';
import { readSources } from '../read-signals.ts';
import { bad, type Check, kindOf, pass } from './check.ts';

const signals = kindOf({
  id: 'signals',
  rows: [],
  asks: 'each source of signals that is asked can be read',
  why: 'a source that cannot be asked now will not judge a step either (what is pushed may begin with the migration)',
  says: ['fail'],
});

const alerts = kindOf({
  id: 'alerts',
  rows: [],
  asks: 'no alert that names the migration fires already',
  why: 'it would roll back the first step whatever the target does',
  says: ['fail'],
});

const controlTraffic = kindOf({
  id: 'control-traffic',
  rows: [],
  asks: 'a step at 90 to 95 per cent comes before 100',
  why: 'without control traffic the target is compared with the past, which an outage of both sides makes look bad',
  says: ['warn'],
});

export const signalKinds = [signals, alerts, controlTraffic];

/** Whoever is asked has had this long to count. */
const askedOverMs = 120_000;

export async function signalChecks(ports: Pick<Ports, 'signals' | 'store'>, spec: Spec): Promise<readonly Check[]> {
  const pulled = sourcesOf(spec.analysis).filter((source) => source !== pushed && source !== paired);
  if (pulled.length === 0) return [];
  const analysis = { ...spec.analysis, signals: pulled };
  const readings = await readSources(ports, { ...spec, analysis }, (await ports.store.now()) - askedOverMs);
  return readings.map(({ source, trouble }) =>
    trouble === null
      ? pass(signals, `signals of ${source} can be read`)
      : bad(signals, 'fail', trouble, {
          at: { object: 'the migration', field: 'spec.analysis.signals', value: source },
        }),
  );
}

export function controlTrafficChecks({ steps }: Pick<Spec, 'steps'>): readonly Check[] {
  const at = { object: 'the migration', field: 'spec.steps', value: steps.map(({ share }) => `${share}%`).join(', ') };
  const advice = controlTrafficAdvice(steps);
  return advice.length === 0
    ? [pass(controlTraffic, 'no step rises to 100 per cent without control traffic shortly before', at)]
    : advice.map(({ text }) => bad(controlTraffic, 'warn', text, { at }));
}

export async function alertChecks(ports: Pick<Ports, 'alerts'>, spec: Spec): Promise<readonly Check[]> {
  const firing = firingOf(await ports.alerts.read(spec.name));
  if (firing.length === 0) return [pass(alerts, `no alert that names ${spec.name} fires`)];
  const words = alertWords(firing);
  const at = {
    object: 'the migration',
    field: 'spec.analysis.alerts.atStart',
    value: spec.analysis.alertsAtStart ?? null,
  };
  if (spec.analysis.alertsAtStart === 'ignore') return [pass(alerts, `${words} (ignored, as asked for)`, at)];
  const found = `${words}; wait until it is resolved, or say analysis.alerts.atStart: ignore`;
  return [bad(alerts, 'fail', found, { at })];
}
