import { randomBytes } from 'node:crypto';
import { systemClock } from '../lib/clock.ts';
import { createLogger, LOG_LEVELS } from '../telemetry/logger.ts';
import { tracingOf } from '../model/mesh/tracing.ts';
import { Environment } from './environment.ts';
import { runOperator } from './operator-wiring.ts';
import { runUntilSignal } from './process.ts';

const environment = new Environment(process.env);
const collector = environment.optional('WEFT_TRACING_COLLECTOR');
const config = {
  namespace: environment.text('WEFT_NAMESPACE'),
  replica: `${environment.text('WEFT_REPLICA')}/${randomBytes(4).toString('hex')}`,
  instance: environment.text('WEFT_REPLICA'),
  trustDomain: environment.text('WEFT_TRUST_DOMAIN'),
  agentPort: environment.port('WEFT_AGENT_PORT'),
  healthPort: environment.port('WEFT_HEALTH_PORT'),
  webhookPort: environment.port('WEFT_WEBHOOK_PORT'),
  routesServices: environment.choice('WEFT_SERVICES', ['Auto', 'Always', 'Never']) !== 'Never',
  proxy: {
    image: environment.text('WEFT_PROXY_IMAGE'),
    uid: environment.integer('WEFT_PROXY_UID'),
    logLevel: environment.text('WEFT_PROXY_LOG_LEVEL'),
    resources: environment.json('WEFT_PROXY_RESOURCES'),
  },
  tracing: collector === undefined ? undefined : tracingOf(collector, environment.integer('WEFT_TRACING_PERCENT')),
};
const level = environment.choice('WEFT_LOG_LEVEL', LOG_LEVELS);
environment.check();
const logger = createLogger({ level, format: 'json', clock: systemClock });

await runUntilSignal(logger, (signal) => runOperator(config, logger, signal));
