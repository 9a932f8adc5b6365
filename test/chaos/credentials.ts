import { randomBytes } from 'node:crypto';
import type { Credential } from '../../src/sandbox/clb/authentication.ts';
import { type End, unharmed } from './play.ts';
import { isAt, moments, plays, type Scenario, type StageSet } from './scenario.ts';

const expiredForMs = 30_000;

/** Keys of a role as the platform gives them: they run out, and there are new ones. */
class TemporaryKeys implements Credential {
  accessKeyId = '';
  accessKeySecret = '';
  securityToken = '';
  expiresAtMs = Number.POSITIVE_INFINITY;

  constructor() {
    this.renew();
  }

  renew(): void {
    this.accessKeyId = `STS.${randomBytes(8).toString('hex')}`;
    this.accessKeySecret = randomBytes(15).toString('hex');
    this.securityToken = randomBytes(24).toString('hex');
    this.expiresAtMs = Number.POSITIVE_INFINITY;
  }

  expire(): void {
    this.expiresAtMs = 0;
  }
}

/** Nobody can say that a shift went well while nothing may be asked: going back is right as well, and nothing else is. */
const backOrUnharmed: End = {
  ...unharmed,
  reason: /^the canary is over$|not accepted \(401\)|InvalidSecurityToken/,
  history: ['started', 'rollback.started', 'rolledback'],
};

/** Tokens of the clusters and keys of the cloud that run out in the middle of a run, and fresh ones half a minute later. */
export function credentialScenarios(): readonly Scenario[] {
  const keys = new TemporaryKeys();
  const temporary: StageSet = { key: 'temporary keys', open: () => ({ speed: 10, keys }) };
  const tokens = moments.map((moment) =>
    plays(
      `kubernetes tokens expired while ${moment.replace('progressing.', '')}`,
      'the tokens of both API servers expire and are renewed half a minute later: the canary is over or went back, and says why',
      {
        when: isAt(moment),
        strike: ({ stage }) => stage.expireTokens(),
        lasts: expiredForMs,
        mend: ({ stage }) => stage.renewTokens(),
        end: backOrUnharmed,
      },
    ),
  );
  const cloud = moments.map((moment) =>
    plays(
      `sts keys expired while ${moment.replace('progressing.', '')}`,
      'the STS keys of the functions expire and are renewed half a minute later: the canary is over or went back, and says why',
      {
        when: isAt(moment),
        strike: () => keys.expire(),
        lasts: expiredForMs,
        mend: () => keys.renew(),
        end: backOrUnharmed,
      },
      temporary,
    ),
  );
  return [...tokens, ...cloud];
}
