import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withDecisionLog } from '../../src/adapters/decision-log.ts';
import { memoryStore } from '../../src/adapters/memory/store.ts';
import { dingtalkMessage } from '../../src/adapters/notify/dingtalk.ts';
import { notifier } from '../../src/adapters/notify/notifier.ts';
import { redisKeys } from '../../src/adapters/redis/keys.ts';
import { parseMigration } from '../../src/api/migration-file.ts';
import { problemLines } from '../../src/cli/run.ts';
import { showList, showView, table, viewLine } from '../../src/cli/show.ts';
import { jsonLine, oneLine, printable } from '../../src/domain/plain-text.ts';
import type { MigrationView } from '../../src/domain/view.ts';
import { aNotice, clockAt, startReceiver } from '../adapters/notify/receiver.ts';
import { recordOf } from '../contracts/records.ts';
import { aView } from '../fixtures/builders.ts';

/** What somebody who can name an object, own a field or answer a request may write, to act on who reads it. */
const hostile = [
  '\u001b[2J\u001b[1;1Hall is well',
  '\u001b]8;;https://evil.example\u0007click\u001b]8;;\u0007',
  '\u009b31mred',
  '\u0007\b\b\b\u007fx',
  'first\nsecond\r\nthird\rfourth',
  'one\u2028two\u2029three\u0085four\u000bfive',
  '\n{"at":"2026-01-01T00:00:00.000Z","kind":"completed","actor":"admin"}',
  'safe\u202egnp.exe\u2066\u200f\u061c',
  '[click here](https://evil.example) ![](https://evil.example/pixel.png)',
  '**bold** __bold__ ~~gone~~ `code` # heading > quote | cell |',
  '<script>alert(1)</script> <img src=x onerror=alert(1)> <@all> <font color="red">',
  '&lt;b&gt;\\',
  '"}],"severity":"info","x":["',
  '{{7*7}} #{7*7} %s %n',
];

/** What nobody may find in what we show: it would act, not be read. */
const acting = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

describe('a foreign text', () => {
  it.each(hostile)('%j is one line that does nothing, and in a log nothing of it is lost', (text) => {
    for (const shown of [printable(text), oneLine(text), jsonLine({ text })]) expect(shown).not.toMatch(acting);
    expect(JSON.parse(jsonLine({ text }))).toEqual({ text });
  });

  it('is one line that does nothing, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const shown of [printable(text), oneLine(text), jsonLine(text)]) if (acting.test(shown)) return false;
        return JSON.parse(jsonLine(text)) === text && printable(text).length === text.length;
      }),
    );
  });
});

/** The view with every text in it, keys of maps too, replaced by another. */
function withTexts(view: MigrationView, text: string): MigrationView {
  const replaced = (value: unknown): unknown => {
    if (typeof value === 'string') return text;
    if (Array.isArray(value)) return value.map(replaced);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, replaced(one)]));
  };
  const subsets = view.subsets.map((one) => ({ ...one, weights: { [text]: 10, [`${text}2`]: 90 } }));
  const changed = replaced({ ...view, spec: null, subsets: [], updatedAt: '' }) as MigrationView;
  return { ...changed, spec: view.spec, subsets: replaced(subsets) as MigrationView['subsets'] };
}

const port = { group: 'rsp', sourceWeight: 81, targetWeight: 9, asked: 10, share: 10, observed: null };
const everything = aView({
  route: 'lb-public',
  subsets: [{ virtualService: 'default/reviews', host: 'reviews', weights: { v1: 50, v2: 50 }, share: 50 }],
  ports: [{ ...port, loadBalancer: 'lb-public', port: 80 }],
  differences: 'port 80 has 3',
  verdict: {
    kind: 'fail',
    metric: 'errors',
    signals: 'push',
    reason: 'errors',
    source: { requests: 10, errors: 0 },
    target: { requests: 10, errors: 9 },
    noise: { batch: 0.1, minute: 0.1 },
    others: [{ kind: 'pass', metric: 'latency', signals: 'mine', reason: 'fine' }],
    findings: ['the requests are unlike'],
    // Only what is shown of a verdict.
  } as unknown as MigrationView['verdict'],
  entries: [{ loadBalancer: 'lb-public', port: 80, isOk: false, detail: '503, not 200', askedAtMs: 0 }],
  allowed: ['abort'],
});

describe('on a terminal', () => {
  it.each(hostile)('%j moves no cursor and adds no line, wherever in a migration it stands', (text) => {
    const view = withTexts(everything, text);
    const calm = withTexts(everything, 'calm');
    for (const show of [showView, viewLine, (one: MigrationView) => showList([one])]) {
      const lines = show(view).split('\n');
      expect(lines.filter((line) => acting.test(line))).toEqual([]);
      expect(lines).toHaveLength(show(calm).split('\n').length);
    }
    expect(table([[text, text]])).not.toMatch(acting);
  });

  it.each(hostile)('%j stays within its line in the list of mistakes', (text) => {
    const lines = problemLines([{ path: text, line: 3, message: text }], text);
    expect(lines).toHaveLength(1);
    expect(lines.join()).not.toMatch(acting);
  });
});

describe('in chat', () => {
  const fields = ['migration', 'run', 'state', 'route', 'title', 'reason', 'next'] as const;
  const markdownOf = (text: string): string => {
    const notice = aNotice(Object.fromEntries(fields.map((field) => [field, text])));
    return (dingtalkMessage(notice)['markdown'] as { text: string }).text;
  };
  /** What is left of a message when everything that is escaped, and so only text, is taken out. */
  const marks = (markdown: string): string =>
    markdown.replace(/\\[\\`*_[\]~|#]|&(?:amp|lt|gt);/g, '').replace(/[^\\`*_[\]~|#<>&\n]/g, '');

  it.each(hostile)('%j is text of a DingTalk message, and makes no link, heading, picture or mention', (text) => {
    const markdown = markdownOf(text);
    expect(marks(markdown)).toBe(marks(markdownOf('calm')));
    for (const line of markdown.split('\n')) expect(line).not.toMatch(acting);
    const message = dingtalkMessage(aNotice({ title: text, reason: text, severity: 'info' }));
    expect(message['at']).toEqual({ atMobiles: [], atUserIds: [], isAtAll: false });
    expect((message['markdown'] as { title: string }).title).not.toMatch(acting);
  });

  it('any text is only text', () => {
    const calm = marks(markdownOf('calm'));
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (text) => {
        fc.pre(oneLine(text) !== '');
        return marks(markdownOf(text)) === calm;
      }),
    );
  });

  it('a generic webhook gets JSON of one meaning, and headers that nobody can add to', async () => {
    const receiver = await startReceiver((response) => response.writeHead(204).end());
    try {
      const channels = notifier({
        channels: { audit: { kind: 'webhook', url: () => `${receiver.url}/x`, secret: null } },
        clock: clockAt(0),
        isLoopbackAllowed: true,
      });
      for (const text of hostile) await channels.post('audit', aNotice({ title: text, reason: text, next: text }));
      const bodies = receiver.received.map(({ body }) => JSON.parse(body) as { data: Record<string, string> });
      expect(bodies).toHaveLength(hostile.length);
      for (const { data } of bodies) {
        expect(data).toMatchObject({ severity: 'info', migration: 'shop-ingress' });
        for (const field of ['title', 'reason', 'next']) expect(data[field]).not.toMatch(acting);
      }
      for (const id of ['a\r\nx-evil: 1', 'a b', 'ä', '']) {
        await expect(channels.post('audit', aNotice({ id }))).rejects.toMatchObject({ code: 'terminal' });
      }
      expect(receiver.received).toHaveLength(hostile.length);
    } finally {
      await receiver.stop();
    }
  });
});

describe('in a log', () => {
  it.each(hostile)('%j is part of one JSON line that says what it is', async (text) => {
    const lines: string[] = [];
    const store = withDecisionLog(memoryStore({ now: () => 0 }), (line) => lines.push(line));
    const entry = { run: 'r1', revision: 1, atMs: 0, kind: text, text, actor: text };
    await store.commit(recordOf('shop', 1, { state: text }), 0, [entry]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(acting);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ migration: 'shop', kind: text, text, actor: text });
  });
});

describe('a name', () => {
  const file = (name: string): string =>
    JSON.stringify({
      apiVersion: 'sluice/v1',
      kind: 'Migration',
      metadata: { name },
      spec: { source: 'a/b', target: 'c/d', probe: { host: 'x.example.com', path: '/' }, steps: ['10%'] },
    });

  it.each([...hostile, '', '..', 'a/b', 'a:b', 'a*', '{s0}', '}:due', 'UPPER', 'ä', '-a', 'a '.repeat(30)])(
    '%j is none that a migration can have',
    (name) => {
      expect(() => parseMigration(file(name))).toThrow();
      expect(() => parseMigration(file('shop-ingress'))).not.toThrow();
    },
  );

  it('leads to the keys of its own shard and kind in Redis, and to nobody else’s', () => {
    const keys = redisKeys({ shards: 16 });
    const names = fc.string({ unit: fc.constantFrom('a', '-', ':', '{', '}', '*', '0', 's', '[', '?'), minLength: 1 });
    fc.assert(
      fc.property(names, names, (one, other) => {
        for (const kind of ['record', 'history', 'signals'] as const) {
          const [, tag, rest] = /^sluice:\{(s\d+)\}:(.*)$/.exec(keys[kind](one)) ?? [];
          if (tag !== `s${keys.shardOf(one)}` || rest !== `${kind}:${one}`) return false;
          if (one !== other && keys[kind](one) === keys[kind](other)) return false;
        }
        return true;
      }),
    );
    for (const name of ['', ' ', 'a b', 'a\n', '\u0000', 'ä', 'x'.repeat(254)]) {
      expect(() => keys.record(name)).toThrow(/printable ASCII/);
    }
  });
});
