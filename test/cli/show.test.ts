import { describe, expect, test } from 'vitest';
import { printable, showList, showView, table, viewLine } from '../../src/cli/show.ts';
import { aView } from '../fixtures/builders.ts';

const escapeCode = String.fromCharCode(27);
const bell = String.fromCharCode(7);

describe('a migration as text', () => {
  test('says the state of each probe, the gate and how to approve it', () => {
    const lines = showView(aView()).split('\n');
    expect(lines).toContain('  probes     productpage  source  good               200 in 3 ms');
    expect(lines).toContain('             productpage  target  2 failed in a row  503');
    expect(lines).toContain('  gate       g-1, expires at 2026-01-31T10:00:00.000Z');
    expect(lines).toContain('             sluice approve shop-ingress --gate g-1');
    expect(lines).toContain('  share      asked 50 %, achieved 50 %, observed -');
    expect(lines).toContain('  allowed    nothing');
  });

  test('says of which route a step is, and the three shares of each port, where routes go one after the other', () => {
    const port = { group: 'rsp', sourceWeight: 81, targetWeight: 9, port: 80 };
    const view = aView({
      route: 'lb-internal',
      ports: [
        { ...port, loadBalancer: 'lb-public', asked: 100, share: 100, observed: 99.8 },
        { ...port, loadBalancer: 'lb-internal', asked: 10, share: 10, observed: null },
      ],
    });
    const lines = showView(view).split('\n');
    expect(lines).toContain('  step       2 of 3 (lb-internal)');
    expect(lines).toContain(
      '  ports      lb-public:80    rsp  source 81  target 9  asked 100 %  achieved 100 %  observed 99.8 %',
    );
    expect(lines).toContain(
      '             lb-internal:80  rsp  source 81  target 9  asked 10 %   achieved 10 %   observed -',
    );
    expect(viewLine(view)).toContain('step 2 of 3 (lb-internal)');
  });

  test('cannot steer the terminal, whoever wrote a text in it', () => {
    const evil = `${escapeCode}[2J${bell}line\nsecond`;
    const view = aView({
      name: evil,
      reason: evil,
      waitingFor: evil,
      state: evil,
      route: evil,
      probes: [],
      gate: null,
    });
    for (const text of [showView(view), viewLine(view), showList([view]), table([[evil]])]) {
      expect(text).not.toContain(escapeCode);
      expect(text).not.toContain(bell);
    }
    expect(printable(evil)).not.toContain('\n');
    expect(viewLine(view)).not.toContain('\n');
  });
});
