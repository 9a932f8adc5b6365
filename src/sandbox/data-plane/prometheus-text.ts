import type { GatewayCounters } from './gateway-messages.ts';
import { latencyBoundsMs } from './tally.ts';

/**
 * A gateway's counters as its Envoy tells them, with the labels that Istio's standard metrics have on a gateway.
 *
 * @source Istio "Standard Metrics": istio_requests_total, istio_request_duration_milliseconds
 */
export function prometheusText(workload: string, { total }: GatewayCounters): string {
  const labels = labelsOf(workload);
  const good = total.requests - total.errors;
  let upTo = 0;
  const buckets = total.latency.map((count, index) => {
    upTo += count;
    return `istio_request_duration_milliseconds_bucket{${labels},le="${latencyBoundsMs[index] ?? '+Inf'}"} ${upTo}`;
  });
  return [
    '# TYPE istio_requests_total counter',
    `istio_requests_total{${labels},response_code="200",response_flags="-"} ${good}`,
    `istio_requests_total{${labels},response_code="503",response_flags="-"} ${total.errors}`,
    '# TYPE istio_request_duration_milliseconds histogram',
    ...buckets,
    `istio_request_duration_milliseconds_sum{${labels}} ${total.latencySumMs}`,
    `istio_request_duration_milliseconds_count{${labels}} ${upTo}`,
    '',
  ].join('\n');
}

function labelsOf(workload: string): string {
  const labels = {
    reporter: 'source',
    source_workload: workload,
    source_workload_namespace: 'istio-system',
    destination_service: 'productpage.default.svc.cluster.local',
    destination_service_namespace: 'default',
    request_protocol: 'http',
  };
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
}
