import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { LIMITS } from '../kernel/limits.ts';

export type Metrics = {
  /** Prometheus text format 0.0.4 of everything counted so far. */
  text(): Promise<string>;
  contentType: string;
  /** @param route the route's pattern, not the path @param seconds from the first byte read to the last written */
  observeRequest(method: string, route: string, status: number, seconds: number): void;
  countSignIn(outcome: 'success' | 'failure' | 'locked' | 'challenge'): void;
  /** @param grant the grant type as registered; few */
  countToken(grant: string): void;
  countGarbledForward(): void;
  countDroppedConnection(): void;
  /** A number that is asked for when the metrics are read: `gatehouse_<name>`. */
  gauge(name: string, help: string, read: () => number): void;
};

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Label values that were seen; what comes after the `cap`-th is `other`, so that no caller can grow the memory. */
function bounded(cap: number): (value: string) => string {
  const seen = new Set<string>();
  return (value) => {
    if (seen.has(value)) return value;
    if (seen.size >= cap) return 'other';
    seen.add(value);
    return value;
  };
}

/** The numbers of this node, in a registry of its own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  // The default precision of 10 ms would wake an idle process a hundred times a second.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1_000 });
  let loop = performance.eventLoopUtilization();
  new Gauge({
    name: 'nodejs_eventloop_utilization_ratio',
    help: 'Share of time the event loop was busy since the last reading.',
    registers,
    collect() {
      const now = performance.eventLoopUtilization();
      this.set(performance.eventLoopUtilization(now, loop).utilization);
      loop = now;
    },
  });
  const requests = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time to answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: BUCKETS,
    registers,
  });
  // Looking a series up by its labels costs more than counting; there are few.
  const known = new Map<string, ReturnType<typeof requests.labels>>();
  const series = (method: string, route: string, status: number) => {
    const key = `${method} ${status} ${route}`;
    const child = known.get(key) ?? requests.labels(method, route, String(status));
    known.set(key, child);
    return child;
  };
  const signIns = new Counter({
    name: 'gatehouse_sign_ins_total',
    help: 'Ended attempts to sign in.',
    labelNames: ['outcome'],
    registers,
  });
  const tokens = new Counter({
    name: 'gatehouse_tokens_total',
    help: 'Token requests that were granted.',
    labelNames: ['grant'],
    registers,
  });
  const garbled = new Counter({
    name: 'gatehouse_garbled_forwarded_for_total',
    help: 'X-Forwarded-For of a trusted proxy that could not be read.',
    registers,
  });
  const dropped = new Counter({
    name: 'gatehouse_dropped_connections_total',
    help: 'Connections beyond the limit.',
    registers,
  });
  const routeLabel = bounded(LIMITS.metricRoutes);
  const grantLabel = bounded(20);

  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    observeRequest(method, route, status, seconds) {
      series(METHODS.has(method) ? method : 'other', routeLabel(route), status).observe(seconds);
    },
    countSignIn: (outcome) => signIns.inc({ outcome }),
    countToken: (grant) => tokens.inc({ grant: grantLabel(grant) }),
    countGarbledForward: () => garbled.inc(),
    countDroppedConnection: () => dropped.inc(),
    gauge(name, help, read) {
      new Gauge({
        name: `gatehouse_${name}`,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    },
  };
}
