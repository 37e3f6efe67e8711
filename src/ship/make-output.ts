// One output of the configuration -> the Output that speaks to it. Each type's code is loaded only where it is configured: a shipper
// to one endpoint carries no Kafka client. Called by ship.ts and by ship's commands.

import type { OutputConfig } from '../config/outputs.ts';
import { ForebearError } from '../errors.ts';
import { readSecret } from './key-files-io.ts';
import type { Output } from './output.ts';
import type { HubFacts } from './outputs/hub.ts';
import { UndiciTransport } from './transport-http.ts';

/** in: what the outputs tell the endpoint of this program. */
export interface OutputFacts {
  version: string;
  /** For outputs of type hub. */
  hub?: HubFacts;
}

/** Opens nothing yet: an endpoint that is down is an answer to the first batch. */
export async function makeOutput(config: OutputConfig, facts: OutputFacts): Promise<Output> {
  switch (config.type) {
    case 'elasticsearch': {
      const { elasticsearchAccess, elasticsearchOutput } = await import('./outputs/elasticsearch.ts');
      return elasticsearchOutput(config, new UndiciTransport(config, elasticsearchAccess(config)));
    }
    case 'otlp': {
      const { otlpOutput } = await import('./outputs/otlp.ts');
      return otlpOutput(new UndiciTransport(config, bearer(config.token_file)), facts.version);
    }
    case 'file': {
      const { fileOutput } = await import('./outputs/file-io.ts');
      return fileOutput(config);
    }
    case 'hub': {
      const { hubOutput } = await import('./outputs/hub.ts');
      if (facts.hub === undefined) throw new ForebearError('FB_SHIP_OUTPUT', `output ${config.name}: no hub from here`);
      return hubOutput(config, new UndiciTransport(config, bearer(config.token_file)), facts.hub);
    }
    case 'syslog': {
      const { syslogOutput } = await import('./outputs/syslog-io.ts');
      return syslogOutput(config);
    }
    case 'kafka': {
      const { kafkaOutput } = await import('./outputs/kafka-io.ts');
      return kafkaOutput(config);
    }
  }
}

/** A token in a file, as RFC 6750 has it. */
function bearer(file: string | null) {
  if (file === null) return {};
  return { authorization: () => `Bearer ${readSecret(file)}`, files: [file] };
}
