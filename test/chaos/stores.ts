import { setTimeout as wait } from 'node:timers/promises';
import type { MigrationView } from '../../src/domain/view.ts';
import { runCli } from '../fixtures/running-sandbox.ts';
import { BrokenRule, type Cast, type Play, play, unharmed, until } from './play.ts';
import { isAt, moments, plays, type Scenario, usual } from './scenario.ts';
import type { Stage } from './stage.ts';
import { shareOf, trafficOf } from './traffic.ts';

const awayMs = 30_000;
/** Half of the traffic for an hour: nothing ends this by itself. */
const abandoned = { steps: [{ share: 60, bake: '1h' }], deadManAfter: '1m' };
const calmMs = 20_000;

/** What can happen to Redis itself. */
export function storeScenarios(): readonly Scenario[] {
  return [
    ...moments.flatMap((moment) => [
      plays(
        `redis-server killed while ${moment.replace('progressing.', '')}`,
        'redis-server is killed and comes back half a minute later with its AOF: the canary ends as if nothing had been',
        {
          when: isAt(moment),
          strike: at(({ redis }) => redis.kill()),
          lasts: awayMs,
          mend: at(resumed),
          end: unharmed,
        },
      ),
      plays(
        `redis-server paused while ${moment.replace('progressing.', '')}`,
        'redis-server is frozen for half a minute: the canary ends as if nothing had been',
        {
          when: isAt(moment),
          strike: at(({ redis }) => redis.pause()),
          lasts: awayMs,
          mend: at(({ redis }) => redis.proceed()),
          end: unharmed,
        },
      ),
    ]),
    plays(
      'redis-server restarted while shifting',
      'redis-server is restarted: the canary ends as if nothing had been',
      {
        when: isAt('progressing.shifting'),
        strike: at(async ({ redis }) => {
          await redis.halt();
          await redis.resume();
        }),
        lasts: 0,
        mend: () => undefined,
        end: unharmed,
      },
    ),
    lostWrites(),
    storeAwayForLong(),
    storeGoneForGood(),
    rescuedWithoutStore(),
  ];
}

function at(act: (stage: Stage) => void | Promise<void>): Play['strike'] {
  return ({ stage }) => act(stage);
}

function resumed({ redis }: Stage): Promise<void> {
  return redis.resume();
}

/** A replica that had not heard of the last writes takes over: the same server with its data of a moment before. */
function lostWrites(): Scenario {
  let putBack = async (): Promise<void> => undefined;
  return plays(
    'redis loses acknowledged writes',
    'the last writes are lost in a failover: the fence in the clusters is ahead, the migration is held, says so, and a person brings it back',
    {
      spec: { steps: [{ share: 60, bake: '1h' }] },
      when: isAt('progressing.shifting'),
      strike: async ({ stage }) => {
        putBack = await stage.redis.keep();
      },
      lasts: async (cast) => (await cast.view())?.state === 'progressing.baking',
      mend: async (cast) => {
        const { redis } = cast.stage;
        await redis.kill();
        await putBack();
        await redis.resume();
        const held = await until('it is held', () => viewIn(cast, 'held'), 40_000, cast.signal);
        if (!/fence/.test(held.reason ?? '')) throw new BrokenRule(`held, and says only "${held.reason}"`);
        await until('it is aborted', () => sent(cast, 'abort'), 20_000, cast.signal);
      },
      end: {
        state: 'rolledBack',
        reason: /abort/,
        history: ['held', 'rollback.started', 'rolledback'],
        told: /is held at 60 per cent/,
      },
    },
  );
}

async function viewIn(cast: Cast, state: string): Promise<MigrationView | null> {
  const view = await cast.view();
  return view?.state === state ? view : null;
}

async function sent(cast: Cast, verb: string): Promise<boolean> {
  return cast.api.post(`/v1/migrations/${cast.name}/${verb}`, {}).then(
    () => true,
    () => false,
  );
}

/** Slower, because a watchdog's patience with the store is time of the wall. */
function storeAwayForLong(): Scenario {
  return plays(
    'redis gone until the watchdog has rolled back',
    'the store is gone in the middle of a step: the watchdog brings the baseline back from the ConfigMap, and closes the record when the store is back',
    {
      spec: abandoned,
      when: isAt('progressing.baking'),
      strike: at(({ redis }) => redis.kill()),
      lasts: (cast) => cast.isBaselineBack(),
      mend: at(resumed),
      end: {
        state: 'rolledBack',
        reason: /./,
        history: ['watchdog.claimed', 'rolledback'],
        told: /the watchdog took over/,
      },
    },
  );
}

function storeGoneForGood(): Scenario {
  return {
    name: 'redis gone for good',
    holds: 'the store is gone for good and a new one is empty: the baseline is back, and the same name starts anew',
    set: usual,
    run: async (stage, name, signal) => {
      await abandon(stage, name, signal);
      await stage.redis.kill();
      await until('the watchdog has rolled back', () => shareOf(trafficOf(stage.sandbox)) === 0, 90_000, signal);
      await stage.redis.forget();
      await stage.redis.resume();
      await staysAtBaseline(stage, signal);
      await play(stage, name, { when: isAt('progressing.baking'), ...nothing, end: unharmed }, signal);
    },
  };
}

const nothing = { strike: () => undefined, lasts: 0, mend: () => undefined };

/** Starts what nobody will end, and leaves it as soon as its share is verified. */
async function abandon(stage: Stage, name: string, signal: AbortSignal): Promise<void> {
  const left = new Error('left alone');
  const leave = () => Promise.reject(left);
  const given = { spec: abandoned, when: isAt('progressing.baking'), ...nothing, strike: leave, end: unharmed };
  await play(stage, name, given, signal).catch((error: unknown) => {
    if (error !== left) throw error;
  });
}

async function staysAtBaseline({ sandbox }: Stage, signal: AbortSignal): Promise<void> {
  const untilMs = Date.now() + calmMs / sandbox.clock.speed;
  while (Date.now() < untilMs) {
    if (shareOf(trafficOf(sandbox)) > 0) throw new BrokenRule('the target got traffic again after the rollback');
    await wait(50, undefined, { signal });
  }
}

function rescuedWithoutStore(): Scenario {
  return {
    name: 'redis gone for good and every function dead',
    holds:
      'neither store nor functions are there: sluice rescue brings the baseline back, and nothing takes it away again',
    set: usual,
    run: async (stage, name, signal) => {
      await abandon(stage, name, signal);
      const { controls, description } = stage.sandbox;
      await controls.putFaults([{ where: 'functions', kind: 'kill' }]);
      await stage.redis.kill();
      const { ack, asm, clb } = description;
      const kubeconfigs = ['--ack-kubeconfig', ack.kubeconfig, '--asm-kubeconfig', asm.kubeconfig];
      const at = ['--clb-region', clb.regionId, '--clb-endpoint', clb.endpoint, '--clb-protocol', 'http'];
      const { code, stdout, stderr } = await runCli(['rescue', name, '--yes', ...kubeconfigs, ...at], {
        ALIBABA_CLOUD_ACCESS_KEY_ID: clb.accessKeyId,
        ALIBABA_CLOUD_ACCESS_KEY_SECRET: clb.accessKeySecret,
      });
      if (code !== 0 || !stdout.includes('is back, verified at the CLB')) {
        throw new BrokenRule(`rescue ended with ${code}: ${stdout}${stderr}`);
      }
      await controls.clearFaults();
      await stage.redis.forget();
      await stage.redis.resume();
      await staysAtBaseline(stage, signal);
    },
  };
}
