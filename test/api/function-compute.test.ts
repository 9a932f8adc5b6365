import { describe, expect, test } from 'vitest';
import { toApiRequest, toFunctionComputeAnswer } from '../../src/api/function-compute.ts';
import { InvalidInputError } from '../../src/ports/errors.ts';

const event = (changes = {}) =>
  Buffer.from(
    JSON.stringify({
      version: 'v1',
      rawPath: '/v1/migrations/shop%2Dingress',
      body: '{"all":true}',
      isBase64Encoded: false,
      headers: { 'Content-Type': 'application/json', 'X-Sluice-Token': 't' },
      queryParameters: { limit: '1,2' },
      requestContext: {
        accountId: '123456',
        requestId: '',
        timeEpoch: '1693896071895',
        http: { method: 'post', path: '/v1/migrations/shop-ingress', protocol: 'HTTP/1.1', sourceIp: '11.11.11.11' },
      },
      ...changes,
    }),
  );

describe('the event of an HTTP trigger', () => {
  test('becomes a request, its header names in lower case', () => {
    expect(toApiRequest(event())).toEqual({
      method: 'POST',
      path: '/v1/migrations/shop%2Dingress',
      query: { limit: '1,2' },
      headers: { 'content-type': 'application/json', 'x-sluice-token': 't' },
      body: Buffer.from('{"all":true}'),
      sourceIp: '11.11.11.11',
    });
  });

  test('may carry its body in base64, or none', () => {
    const binary = Buffer.from([0, 255, 10]);
    expect(toApiRequest(event({ body: binary.toString('base64'), isBase64Encoded: true })).body).toEqual(binary);
    expect(toApiRequest(event({ body: undefined })).body).toHaveLength(0);
  });

  test('without headers and query is a request all the same', () => {
    expect(toApiRequest(event({ headers: null, queryParameters: undefined }))).toMatchObject({
      headers: {},
      query: {},
    });
  });

  test('of a timer is refused', () => {
    const timer = Buffer.from('{"triggerTime":"2023-12-26T07:49:00Z","triggerName":"t","payload":"x"}');
    expect(() => toApiRequest(timer)).toThrow(InvalidInputError);
    expect(() => toApiRequest(Buffer.from('hello'))).toThrow(InvalidInputError);
  });
});

test('an answer always has a statusCode: without one the platform takes it for the body', () => {
  expect(toFunctionComputeAnswer({ status: 409, headers: { a: 'b' }, body: '{}' })).toEqual({
    statusCode: 409,
    headers: { a: 'b' },
    isBase64Encoded: false,
    body: '{}',
  });
});
