import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { BIN } from '../../lab/setup/paths.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';

export interface Span {
  readonly service: string;
  readonly trace: string;
  readonly id: string;
  /** Empty: it begins the trace. */
  readonly parent: string;
  /** `Client` or `Server`. */
  readonly kind: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** The real OpenTelemetry Collector in a network namespace; what it understands of spans is read from what it prints. */
export class CollectorLab {
  readonly #child: ChildProcess;
  #printed = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stderr?.on('data', (text: Buffer) => (this.#printed += text.toString()));
  }

  static async start(netns: string, port: number): Promise<CollectorLab> {
    const config = {
      receivers: { otlp: { protocols: { http: { endpoint: `0.0.0.0:${port}` } } } },
      exporters: { debug: { verbosity: 'detailed' } },
      service: {
        pipelines: { traces: { receivers: ['otlp'], exporters: ['debug'] } },
        telemetry: { metrics: { level: 'none' } },
      },
    };
    const program = [path.join(BIN, 'otel-collector'), '--config', `yaml:${JSON.stringify(config)}`];
    const child = spawn('nsenter', [`--net=${netns}`, ...program], { stdio: ['ignore', 'ignore', 'pipe'] });
    const lab = new CollectorLab(child);
    while (!lab.log.includes('Everything is ready')) {
      if (child.exitCode !== null) throw new Error(`the collector has ended:\n${lab.log}`);
      await sleep(systemClock, 50);
    }
    return lab;
  }

  /** Of a trace, those that have come so far. */
  spansOf(trace: string): readonly Span[] {
    const resources = this.#printed.split(/ResourceSpans #\d+\n/).slice(1);
    const spans = resources.flatMap((resource) => {
      const service = attributesIn(resource.split(/^Span #/m)[0] ?? '')['service.name'] ?? '';
      return resource
        .split(/^Span #\d+\n/m)
        .slice(1)
        .map((span) => spanIn(service, span));
    });
    return spans.filter((span) => span.trace === trace);
  }

  get log(): string {
    return this.#printed;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.kill()) await once(this.#child, 'exit');
  }
}

function spanIn(service: string, text: string): Span {
  const field = (name: string) => new RegExp(`^ *${name} *: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return {
    ...{ service, trace: field('Trace ID'), id: field('ID'), parent: field('Parent ID'), kind: field('Kind') },
    attributes: attributesIn(text),
  };
}

function attributesIn(text: string): Readonly<Record<string, string>> {
  const found = [...text.matchAll(/^ *-> (\S+): \w+\((.*)\)$/gm)];
  return Object.fromEntries(found.map(([, name = '', value = '']) => [name, value]));
}
