import { html, json } from './http.ts';
import { noBody, type Operation } from './operation.ts';

/** What anybody may see; it tells nothing of the installation. */

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Sluice</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>
<h1>Sluice</h1>
<p>Moves traffic from one ingress gateway to another, in stages, and brings it back by itself.</p>
<p><a href="/openapi.json">The API, as OpenAPI 3.1</a></p>
</html>
`;

export function opening(document: () => unknown): readonly Operation[] {
  const open = { method: 'GET', access: 'open', query: [], body: noBody, refusals: [] } as const;
  return [
    {
      ...open,
      id: 'getPage',
      path: '/',
      summary: 'A short page for browsers',
      answer: { status: 200, description: 'The page', type: 'text/html', schema: null },
      carryOut: async () => html(page),
    },
    {
      ...open,
      id: 'getHealth',
      path: '/healthz',
      summary: 'Answers while the function runs',
      answer: { status: 200, description: 'It runs', type: 'application/json', schema: null },
      carryOut: async () => json(200, { status: 'ok' }),
    },
    {
      ...open,
      id: 'getOpenApi',
      path: '/openapi.json',
      summary: 'This document',
      answer: { status: 200, description: 'OpenAPI 3.1', type: 'application/json', schema: null },
      carryOut: async () => json(200, document()),
    },
  ];
}
