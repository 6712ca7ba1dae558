import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { PGlite } from '@electric-sql/pglite';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import type { SchemaEngine } from '@prisma/schema-engine-wasm';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import { PrismaPGlite } from 'pglite-prisma-adapter';

/** Prisma's own schema engine, as WebAssembly, on an embedded database: no native binary, no download. */
export async function openPrismaEngine(pglite: PGlite, schema: string): Promise<SchemaEngine> {
  await instantiate();
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPGlite(pglite));
  const engine = bindings as unknown as { SchemaEngine: typeof SchemaEngine };
  return engine.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapter);
}

let isInstantiated: Promise<void> | undefined;

function instantiate(): Promise<void> {
  isInstantiated ??= (async () => {
    const require = createRequire(import.meta.url);
    const entry = require.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
    const bytes = await readFile(entry.replace(/\.js$/, '.wasm'));
    const { instance } = (await WebAssembly.instantiate(bytes, {
      './schema_engine_bg.js': bindings as unknown as WebAssembly.ModuleImports,
    })) as unknown as { instance: WebAssembly.Instance };
    (bindings as unknown as { __wbg_set_wasm(exports: unknown): void }).__wbg_set_wasm(instance.exports);
    (instance.exports as unknown as { __wbindgen_start(): void }).__wbindgen_start();
  })();
  return isInstantiated;
}
