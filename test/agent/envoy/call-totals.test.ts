import { describe, expect, test } from '@jest/globals';
import { NO_CALLS, parseCalls, statNameOf } from '../../../src/agent/envoy/call-counts.ts';
import { CallTotals } from '../../../src/agent/envoy/call-totals.ts';

/** As Envoy says it. */
function proxyText(ok: number, failed = 0): string {
  const cluster = 'envoy_cluster_name="shop/web_80|v1"';
  return [
    '# TYPE envoy_cluster_upstream_rq_xx counter',
    `envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",${cluster}} ${ok}`,
    `envoy_cluster_upstream_rq_xx{envoy_response_code_class="5",${cluster}} ${failed}`,
    `envoy_cluster_upstream_rq_retry{${cluster}} 3`,
    `envoy_cluster_upstream_cx_total{${cluster}} 2`,
    `envoy_cluster_upstream_cx_tx_bytes_total{${cluster}} 700`,
    `envoy_cluster_upstream_rq_time_bucket{${cluster},le="1"} 1`,
    `envoy_cluster_upstream_rq_time_bucket{${cluster},le="2.5"} ${ok}`,
    `envoy_cluster_upstream_rq_time_bucket{${cluster},le="+Inf"} ${ok + failed}`,
    `envoy_cluster_upstream_rq_time_sum{${cluster}} 12.5`,
    `envoy_cluster_upstream_rq_time_count{${cluster}} ${ok + failed}`,
    'envoy_http_downstream_rq_xx{envoy_response_code_class="4",envoy_http_conn_manager_prefix="inbound-8080"} 7',
    'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="admin"} 9',
    'envoy_server_uptime{} 5',
    '',
  ].join('\n');
}

const WEB = { service: 'shop/web', port: 80, subset: 'v1' };
const known = () => WEB;

test('statistics of a proxy are read by destination, and by port of its own', () => {
  const { sent, served } = parseCalls(proxyText(5, 1));
  expect([...sent.keys()]).toEqual([statNameOf('shop/web:80|v1')]);
  const calls = sent.get('shop/web_80|v1');
  expect(calls).toMatchObject({ answers: { '2xx': 5, '5xx': 1 }, retries: 3, connections: 2, sentBytes: 700 });
  expect(calls).toMatchObject({ timed: 6, milliseconds: 12.5 });
  expect(calls?.within.slice(0, 3)).toEqual([1, 5, 0]);
  expect([...served]).toEqual([[8080, { ...NO_CALLS, answers: { '4xx': 7 } }]]);
});

describe('the sums of a node', () => {
  const answersOf = (totals: CallTotals) =>
    totals
      .report()
      .sent.map(({ source, service, subset, calls: { answers } }) => [source, service, subset, answers['2xx']]);

  test('are over proxies of one workload, and count what each has done since it was asked last', () => {
    const totals = new CallTotals();
    totals.add('a', 'shop/client', parseCalls(proxyText(5)), known);
    totals.add('b', 'shop/client', parseCalls(proxyText(10)), known);
    totals.add('c', 'shop/other', parseCalls(proxyText(1)), known);
    totals.add('a', 'shop/client', parseCalls(proxyText(7)), known);
    expect(answersOf(totals)).toEqual([
      ['shop/client', 'shop/web', 'v1', 17],
      ['shop/other', 'shop/web', 'v1', 1],
    ]);
    expect(totals.report().served.map(({ workload, port, calls }) => [workload, port, calls.answers['4xx']])).toEqual([
      ['shop/client', 8080, 14],
      ['shop/other', 8080, 7],
    ]);
  });

  test('never go down: not when a proxy is gone, and not when it was started again', () => {
    const totals = new CallTotals();
    totals.add('a', 'shop/client', parseCalls(proxyText(100)), known);
    totals.add('a', 'shop/client', parseCalls(proxyText(4)), known);
    expect(answersOf(totals)).toEqual([['shop/client', 'shop/web', 'v1', 104]]);
    totals.forget('a');
    expect(answersOf(totals)).toEqual([['shop/client', 'shop/web', 'v1', 104]]);
  });

  test('are no more than the budget, and what is over it is counted together', () => {
    const totals = new CallTotals();
    for (let at = 0; at < 600; at += 1) totals.add(`p${at}`, `shop/client-${at}`, parseCalls(proxyText(1)), known);
    const sent = answersOf(totals);
    expect(sent).toHaveLength(501);
    expect(sent.at(-1)).toEqual(['other', 'other', undefined, 100]);
    expect(totals.report().served.at(-1)).toMatchObject({
      workload: 'other',
      port: 0,
      calls: { answers: { '4xx': 700 } },
    });
  });

  test('leave out what is no service any more', () => {
    const totals = new CallTotals();
    totals.add('a', 'shop/client', parseCalls(proxyText(5)), () => undefined);
    expect(totals.report().sent).toEqual([]);
  });
});
