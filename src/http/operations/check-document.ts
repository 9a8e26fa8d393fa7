import {
  GraphQLError,
  type GraphQLInputType,
  isInputType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  valueFromAST,
} from 'graphql';
import { schema } from '../../../schema/index.ts';
import { RefusalError } from '../../domain/errors.ts';
import type { CheckDocument } from '../../operations/document-checker.ts';
import { measureOperation } from '../cost/query-limits.ts';
import { parseWithinLimits } from '../parse-document.ts';
import { validateWithErrorLimit } from '../pipeline.ts';

/** Checks a document of a manifest as the gateway will when it runs; the variables have their defaults. */
export const checkDocument: CheckDocument = (text) => {
  try {
    const document = parseWithinLimits(text);
    const [operation, ...others] = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    if (operation?.kind !== Kind.OPERATION_DEFINITION || others.length > 0) {
      return { problem: 'Must contain exactly one operation.' };
    }
    const errors = validateWithErrorLimit(schema, document);
    if (errors.length > 0) return { problem: errors.map(({ message }) => message).join(' ') };
    const cost = measureOperation(schema, document, operation, defaultsOf(operation));
    return { name: operation.name?.value ?? null, kind: operation.operation, cost };
  } catch (error) {
    if (error instanceof RefusalError || error instanceof GraphQLError) return { problem: error.message };
    throw error;
  }
};

/** The values of the variables that have a default. */
function defaultsOf({ variableDefinitions = [] }: OperationDefinitionNode): Record<string, unknown> {
  return Object.fromEntries(
    variableDefinitions.flatMap(({ variable, type, defaultValue }) => {
      const inputType = typeFromAST(schema, type as never);
      return defaultValue !== undefined && isInputType(inputType)
        ? [[variable.name.value, valueFromAST(defaultValue, inputType as GraphQLInputType)]]
        : [];
    }),
  );
}
