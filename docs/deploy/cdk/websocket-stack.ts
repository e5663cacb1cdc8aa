import { CfnOutput, Duration, Stack } from "aws-cdk-lib";
import * as apigatewayv2 from "aws-cdk-lib/aws-apigatewayv2";
import { WebSocketLambdaAuthorizer } from "aws-cdk-lib/aws-apigatewayv2-authorizers";
import { WebSocketLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import * as iam from "aws-cdk-lib/aws-iam";
import * as lambda from "aws-cdk-lib/aws-lambda";
import * as logs from "aws-cdk-lib/aws-logs";
import type { Construct } from "constructs";

export interface AuthorizerProps {
  /** The path of the directory or zip file with the function's `bootstrap`. */
  readonly package: string;
  /**
   * Settings by name, without `AUTHORIZER_`. The function does not start if a
   * setting is empty; leave it out to use its default.
   */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * The number of concurrent executions to reserve for the function, which is
   * also its limit. By default, none are reserved.
   */
  readonly reservedConcurrency?: number;
}

export class WebSocketStack extends Stack {
  constructor(scope: Construct, id: string, props: AuthorizerProps) {
    super(scope, id);

    const authorizer = this.authorizerFunction(props);
    const routes = new lambda.Function(this, "Routes", {
      code: lambda.Code.fromAsset("../../../samples/websocket/src"),
      handler: "index.handler",
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
    });

    const integration = new WebSocketLambdaIntegration("Integration", routes);
    const api = new apigatewayv2.WebSocketApi(this, "Api", {
      routeSelectionExpression: "$request.body.action",
      connectRouteOptions: {
        integration,
        authorizer: new WebSocketLambdaAuthorizer("Authorizer", authorizer, {
          // If a source in this list is missing from the request, API Gateway
          // answers 401 without asking the authorizer. With an empty list,
          // clients may send the token in a header, or as a subprotocol, as
          // browsers must. Without this line, CDK lists the header Authorization.
          identitySource: [],
        }),
      },
      disconnectRouteOptions: { integration },
      defaultRouteOptions: { integration },
    });
    const stage = new apigatewayv2.WebSocketStage(this, "Stage", {
      webSocketApi: api,
      stageName: "default",
      autoDeploy: true,
    });

    api.grantManageConnections(routes);
    routes.addEnvironment("MANAGEMENT_ENDPOINT", stage.callbackUrl);

    new CfnOutput(this, "WebSocketUrl", { value: stage.url });
  }

  private authorizerFunction(props: AuthorizerProps): lambda.Function {
    const logGroup = new logs.LogGroup(this, "AuthorizerLog", {
      retention: logs.RetentionDays.ONE_MONTH,
    });
    // Allows the function to write its own log, and nothing else. CDK's default
    // role may write every log.
    const role = new iam.Role(this, "AuthorizerRole", {
      assumedBy: new iam.ServicePrincipal("lambda.amazonaws.com"),
    });
    logGroup.grantWrite(role);

    const variables = Object.entries(props.settings).map(
      ([name, value]) => [`AUTHORIZER_${name}`, value] as const,
    );
    return new lambda.Function(this, "AuthorizerFunction", {
      description: "Verifies JWTs for API Gateway",
      code: lambda.Code.fromAsset(props.package),
      handler: "bootstrap",
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: lambda.Architecture.ARM_64,
      memorySize: 128,
      timeout: Duration.seconds(9),
      reservedConcurrentExecutions: props.reservedConcurrency,
      role,
      logGroup,
      loggingFormat: lambda.LoggingFormat.JSON,
      environment: Object.fromEntries(variables),
    });
  }
}
