import { describe, expect, it } from 'vitest';
import { checkTable } from '../../src/cli/preflight.ts';
import type { Check } from '../../src/engine/preflight/check.ts';
import { aScene, checksOf, withListener } from '../fixtures/scene.ts';

const scheduler = (check: Check) => check.id === 'scheduler' || check.id === 'clb';

describe('the checks for people', () => {
  it('are told the worst first, with why and what to paste, and pass only where asked for', async () => {
    const scene = aScene();
    withListener(scene, { scheduler: 'rr' });
    scene.samples = [];
    const checks = await checksOf(scene);
    const lines = checkTable(checks, false).split('\n');
    expect(lines[0]).toBe(
      'FAIL         scheduler       lb-public: listener 80 schedules by rr, which ignores weights: set it to wrr',
    );
    expect(lines[1]).toMatch(/^ {29}why: rr heeds no weight but 0/);
    expect(lines[2]).toBe(
      `${' '.repeat(29)}$ aliyun slb SetLoadBalancerHTTPListenerAttribute --LoadBalancerId lb-public --ListenerPort 80 --Scheduler wrr`,
    );
    expect(lines[3]).toMatch(/^CANNOT TELL {2}direct-callers {2}no sample/);
    expect(lines.at(-1)).toMatch(/^1 fail, 0 warn, 1 cannot tell, \d+ pass: a start would be refused$/);
    expect(lines.join('\n')).not.toContain('PASS');
    expect(checkTable(checks.filter(scheduler), true)).toContain(
      'PASS         clb        lb-public: lb-public is active',
    );
  });

  it('end with the word that a start would go through, where it would', async () => {
    expect(checkTable(await checksOf(aScene()), false)).toMatch(
      /^0 fail, 0 warn, 0 cannot tell, \d+ pass: a start would go through$/,
    );
  });

  it('let no control character of a name through', () => {
    const check: Check = { id: 'clb', status: 'fail', found: 'lb\u001b[31m', at: null, why: 'x', remedy: 'a\nb' };
    const text = checkTable([check], false);
    for (const control of ['\u001b', 'a\nb']) expect(text).not.toContain(control);
  });
});
