import { type AppConfig, type Config, dataFolder } from '../config.ts';
import { SyncError } from '../core/errors.ts';
import type { Random } from '../core/runtime.ts';
import { developmentSecrets } from '../development-secrets.ts';
import type { RunningSimulator } from './built-in-simulator.ts';

/**
 * Fills what a development service leaves out with the data folder's secrets. A production service has left nothing out,
 * or `readConfig` has refused it.
 */
export function withDevelopmentSecrets(config: Config, random: Random): Config & { readonly encryptionKeys: string } {
  const { encryptionKeys, jwt } = config;
  const isJwtGiven = jwt.secret !== undefined || jwt.jwksUrl !== undefined;
  if (encryptionKeys !== undefined && isJwtGiven) return { ...config, encryptionKeys };
  if (config.isProduction) throw new SyncError('misconfigured', 'production has no development secrets');
  const secrets = developmentSecrets(dataFolder(config), random);
  return {
    ...config,
    encryptionKeys: encryptionKeys ?? secrets.encryptionKeys,
    jwt: isJwtGiven ? jwt : { ...jwt, secret: secrets.jwtSecret },
  };
}

/** @param simulator  where the built-in simulator is, when the configuration names no other Graph */
export function completeConfig(
  config: Config & { readonly encryptionKeys: string },
  simulator: RunningSimulator | undefined,
): AppConfig {
  const { graph } = config;
  if (graph.kind === 'microsoft') return { ...config, graph };
  if (!simulator) throw new SyncError('misconfigured', 'GRAPH_CLIENT_ID is missing, and no simulator is running');
  return {
    ...config,
    graph: { kind: 'microsoft', ...simulator.access },
  };
}
