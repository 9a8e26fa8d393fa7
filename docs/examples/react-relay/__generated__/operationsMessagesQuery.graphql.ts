/**
 * @generated SignedSource<<70cb7f3bd233784c66a265f14eadac05>>
 * @relayHash 811a7bd69e0d38ba9aae4c516cec061d
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID d67cd847ced2eee9337a04a34102114bdc7f8c29963f0cbb5b214e3863f70f5f

import { ConcreteRequest } from 'relay-runtime';
export type MessageRole = "AGENT" | "ASSISTANT" | "SYSTEM" | "USER" | "%future added value";
export type operationsMessagesQuery$variables = {
  id: string;
};
export type operationsMessagesQuery$data = {
  readonly conversation: {
    readonly eventCursor: string;
    readonly id: string;
    readonly messages: {
      readonly nodes: ReadonlyArray<{
        readonly citations: ReadonlyArray<{
          readonly id: string;
          readonly title: string;
        }>;
        readonly content: string;
        readonly id: string;
        readonly role: MessageRole;
      }>;
    };
  } | null | undefined;
};
export type operationsMessagesQuery = {
  response: operationsMessagesQuery$data;
  variables: operationsMessagesQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "id"
  }
],
v1 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "id",
  "storageKey": null
},
v2 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "id",
        "variableName": "id"
      }
    ],
    "concreteType": "Conversation",
    "kind": "LinkedField",
    "name": "conversation",
    "plural": false,
    "selections": [
      (v1/*:: as any*/),
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "eventCursor",
        "storageKey": null
      },
      {
        "alias": null,
        "args": [
          {
            "kind": "Literal",
            "name": "last",
            "value": 50
          }
        ],
        "concreteType": "MessageConnection",
        "kind": "LinkedField",
        "name": "messages",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "concreteType": "Message",
            "kind": "LinkedField",
            "name": "nodes",
            "plural": true,
            "selections": [
              (v1/*:: as any*/),
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "role",
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "content",
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "concreteType": "Citation",
                "kind": "LinkedField",
                "name": "citations",
                "plural": true,
                "selections": [
                  (v1/*:: as any*/),
                  {
                    "alias": null,
                    "args": null,
                    "kind": "ScalarField",
                    "name": "title",
                    "storageKey": null
                  }
                ],
                "storageKey": null
              }
            ],
            "storageKey": null
          }
        ],
        "storageKey": "messages(last:50)"
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsMessagesQuery",
    "selections": (v2/*:: as any*/),
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsMessagesQuery",
    "selections": (v2/*:: as any*/)
  },
  "params": {
    "id": "d67cd847ced2eee9337a04a34102114bdc7f8c29963f0cbb5b214e3863f70f5f",
    "metadata": {},
    "name": "operationsMessagesQuery",
    "operationKind": "query",
    "text": null
  }
};
})();

(node as any).hash = "a0fe3a662f7dcb8102ed07e99ed9cb83";

export default node;
